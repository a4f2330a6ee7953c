// dicom_seg.cpp: a BINARY segmentation object (PS3.3 A.51) by GDCM: one bit a pixel, one frame for each label on each slice.
// Every frame names the source image it was made from, and the object its series: viewers show nothing without them.
#include "io/dicom_shim.h"

#include <gdcmAttribute.h>
#include <gdcmDataSet.h>
#include <gdcmReader.h>
#include <gdcmSequenceOfItems.h>
#include <gdcmUIDGenerator.h>
#include <gdcmWriter.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string>

enum dicom_result dicom_seg_build(const struct dicom_seg *seg, char message[256]);

namespace
{

typedef gdcm::SmartPointer<gdcm::SequenceOfItems> sequence;

void put(gdcm::DataSet &set, uint16_t group, uint16_t element, gdcm::VR::VRType vr, std::string value)
{
    if (value.size() % 2)
        value += vr == gdcm::VR::UI ? '\0' : ' ';
    gdcm::DataElement out(gdcm::Tag(group, element));
    out.SetVR(vr);
    out.SetByteValue(value.data(), uint32_t(value.size()));
    set.Replace(out);
}

void put_word(gdcm::DataSet &set, uint16_t group, uint16_t element, uint16_t value)
{
    gdcm::DataElement out(gdcm::Tag(group, element));
    out.SetVR(gdcm::VR::US);
    out.SetByteValue(reinterpret_cast<const char *>(&value), 2);
    set.Replace(out);
}

void put_sequence(gdcm::DataSet &set, uint16_t group, uint16_t element, const sequence &items)
{
    gdcm::DataElement out(gdcm::Tag(group, element));
    out.SetVR(gdcm::VR::SQ);
    out.SetValue(*items);
    out.SetVLToUndefined();
    set.Replace(out);
}

sequence make_sequence()
{
    sequence out = new gdcm::SequenceOfItems();
    out->SetLengthToUndefined();
    return out;
}

void add(const sequence &items, const gdcm::DataSet &set)
{
    gdcm::Item item;
    item.SetVLToUndefined();
    item.SetNestedDataSet(set);
    items->AddItem(item);
}

void put_item(gdcm::DataSet &set, uint16_t group, uint16_t element, const gdcm::DataSet &only)
{
    const sequence items = make_sequence();
    add(items, only);
    put_sequence(set, group, element, items);
}

// A decimal string has at most 16 characters.
std::string decimal(double value)
{
    char out[32];
    for (int digits = 15; digits > 0; digits--) {
        std::snprintf(out, sizeof out, "%.*g", digits, value);
        if (std::strlen(out) <= 16)
            break;
    }
    return out;
}

std::string decimals(const double *values, int count)
{
    std::string out;
    for (int i = 0; i < count; i++)
        out += (i ? "\\" : "") + decimal(values[i]);
    return out;
}

gdcm::DataSet code(const char *value, const char *scheme, const char *meaning)
{
    gdcm::DataSet out;
    put(out, 0x0008, 0x0100, gdcm::VR::SH, value);
    put(out, 0x0008, 0x0102, gdcm::VR::SH, scheme);
    put(out, 0x0008, 0x0104, gdcm::VR::LO, meaning);
    return out;
}

// sRGB (D65) to CIELab, as PS3.3 C.10.7.1.1 scales it to 16 bits.
void put_colour(gdcm::DataSet &set, const uint8_t rgb[3])
{
    double linear[3], xyz[3], f[3];
    static const double matrix[3][3] = { { 0.4124, 0.3576, 0.1805 }, { 0.2126, 0.7152, 0.0722 }, { 0.0193, 0.1192, 0.9505 } };
    static const double white[3] = { 0.9505, 1, 1.089 };
    for (int c = 0; c < 3; c++) {
        const double v = rgb[c] / 255.0;
        linear[c] = v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
    }
    for (int r = 0; r < 3; r++) {
        xyz[r] = (matrix[r][0] * linear[0] + matrix[r][1] * linear[1] + matrix[r][2] * linear[2]) / white[r];
        f[r] = xyz[r] > 0.008856 ? std::cbrt(xyz[r]) : 7.787 * xyz[r] + 16 / 116.0;
    }
    const double lab[3] = { 116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2]) };
    uint16_t out[3];
    for (int c = 0; c < 3; c++) {
        const double scaled = c == 0 ? lab[0] * 655.35 : (lab[c] + 128) * 257;
        out[c] = uint16_t(scaled < 0 ? 0 : scaled > 65535 ? 65535 : scaled + 0.5);
    }
    gdcm::DataElement element(gdcm::Tag(0x0062, 0x000d));
    element.SetVR(gdcm::VR::US);
    element.SetByteValue(reinterpret_cast<const char *>(out), sizeof out);
    set.Replace(element);
}

// Patient and study modules belong into the object; they go from file to file, unread.
bool copy_patient(const struct dicom_seg *seg, gdcm::DataSet &set)
{
    static const uint16_t tags[][2] = {
        { 0x0008, 0x0005 }, { 0x0008, 0x0020 }, { 0x0008, 0x0030 }, { 0x0008, 0x0050 }, { 0x0008, 0x0090 }, { 0x0010, 0x0010 },
        { 0x0010, 0x0020 }, { 0x0010, 0x0030 }, { 0x0010, 0x0040 }, { 0x0020, 0x000d }, { 0x0020, 0x0010 },
    };
    gdcm::Reader reader;
    reader.SetFileName(seg->source_paths[0]);
    if (!reader.ReadUpToTag(gdcm::Tag(0x7fe0, 0x0010)))
        return false;
    const gdcm::DataSet &from = reader.GetFile().GetDataSet();
    for (const auto &tag : tags) {
        const gdcm::Tag wanted(tag[0], tag[1]);
        if (from.FindDataElement(wanted))
            set.Replace(from.GetDataElement(wanted));
    }
    static const struct { uint16_t group, element; gdcm::VR::VRType vr; } required[] = {
        { 0x0008, 0x0020, gdcm::VR::DA }, { 0x0008, 0x0030, gdcm::VR::TM }, { 0x0008, 0x0050, gdcm::VR::SH },
        { 0x0008, 0x0090, gdcm::VR::PN }, { 0x0010, 0x0010, gdcm::VR::PN }, { 0x0010, 0x0020, gdcm::VR::LO },
        { 0x0010, 0x0030, gdcm::VR::DA }, { 0x0010, 0x0040, gdcm::VR::CS }, { 0x0020, 0x0010, gdcm::VR::SH },
    };
    for (const auto &tag : required)
        if (!set.FindDataElement(gdcm::Tag(tag.group, tag.element)))
            put(set, tag.group, tag.element, tag.vr, "");
    return true;
}

std::string new_uid()
{
    gdcm::UIDGenerator generator;
    return generator.Generate();
}

void put_general(const struct dicom_seg *seg, gdcm::DataSet &set)
{
    const struct dicom_file &first = seg->sources[0];
    char date[16] = "", clock[16] = "";
    const std::time_t now = std::time(nullptr);
    std::tm utc;
    if (gmtime_r(&now, &utc)) {
        std::strftime(date, sizeof date, "%Y%m%d", &utc);
        std::strftime(clock, sizeof clock, "%H%M%S", &utc);
    }
    put(set, 0x0008, 0x0008, gdcm::VR::CS, "DERIVED\\PRIMARY");
    put(set, 0x0008, 0x0016, gdcm::VR::UI, "1.2.840.10008.5.1.4.1.1.66.4");
    put(set, 0x0008, 0x0018, gdcm::VR::UI, new_uid());
    put(set, 0x0008, 0x0023, gdcm::VR::DA, date);
    put(set, 0x0008, 0x0033, gdcm::VR::TM, clock);
    put(set, 0x0008, 0x0060, gdcm::VR::CS, "SEG");
    put(set, 0x0008, 0x0070, gdcm::VR::LO, "vkseg");
    put(set, 0x0008, 0x103e, gdcm::VR::LO, "vkseg segmentation, research use only");
    put(set, 0x0008, 0x1090, gdcm::VR::LO, "vkseg");
    put(set, 0x0018, 0x1000, gdcm::VR::LO, "0");
    put(set, 0x0018, 0x1020, gdcm::VR::LO, "0.1.0");
    put(set, 0x0020, 0x000e, gdcm::VR::UI, new_uid());
    put(set, 0x0020, 0x0011, gdcm::VR::IS, "900");
    put(set, 0x0020, 0x0013, gdcm::VR::IS, "1");
    put(set, 0x0020, 0x0052, gdcm::VR::UI, *first.frame_of_reference ? first.frame_of_reference : new_uid());
    put(set, 0x0020, 0x1040, gdcm::VR::LO, "");
    put_word(set, 0x0028, 0x0002, 1);
    put(set, 0x0028, 0x0004, gdcm::VR::CS, "MONOCHROME2");
    put(set, 0x0028, 0x0008, gdcm::VR::IS, std::to_string(seg->frame_count));
    put_word(set, 0x0028, 0x0010, uint16_t(first.rows));
    put_word(set, 0x0028, 0x0011, uint16_t(first.columns));
    put_word(set, 0x0028, 0x0100, 1);
    put_word(set, 0x0028, 0x0101, 1);
    put_word(set, 0x0028, 0x0102, 0);
    put_word(set, 0x0028, 0x0103, 0);
    put(set, 0x0028, 0x2110, gdcm::VR::CS, "00");
    put(set, 0x0062, 0x0001, gdcm::VR::CS, "BINARY");
    put(set, 0x0070, 0x0080, gdcm::VR::CS, "SEGMENTATION");
    put(set, 0x0070, 0x0081, gdcm::VR::LO, "Labels by vkseg; research use only");
    put(set, 0x0070, 0x0084, gdcm::VR::PN, "");
}

void put_segments(const struct dicom_seg *seg, gdcm::DataSet &set)
{
    const sequence items = make_sequence();
    for (uint32_t i = 0; i < seg->segment_count; i++) {
        gdcm::DataSet segment;
        put_item(segment, 0x0062, 0x0003, code("123037004", "SCT", "Anatomical Structure"));
        put_word(segment, 0x0062, 0x0004, uint16_t(i + 1));
        put(segment, 0x0062, 0x0005, gdcm::VR::LO, seg->segments[i].name);
        put(segment, 0x0062, 0x0008, gdcm::VR::CS, "SEMIAUTOMATIC");
        put(segment, 0x0062, 0x0009, gdcm::VR::LO, "vkseg 0.1.0");
        put_colour(segment, seg->segments[i].rgb);
        put_item(segment, 0x0062, 0x000f, code("123037004", "SCT", "Anatomical Structure"));
        add(items, segment);
    }
    put_sequence(set, 0x0062, 0x0002, items);
}

void put_dimensions(gdcm::DataSet &set)
{
    // By segment, then by position: little-endian pairs of group and element.
    static const uint16_t pointers[2][2][2] = { { { 0x0062, 0x000b }, { 0x0062, 0x000a } }, { { 0x0020, 0x0032 }, { 0x0020, 0x9113 } } };
    const std::string uid = new_uid();
    gdcm::DataSet organization;
    put(organization, 0x0020, 0x9164, gdcm::VR::UI, uid);
    put_item(set, 0x0020, 0x9221, organization);
    const sequence items = make_sequence();
    for (const auto &pointer : pointers) {
        gdcm::DataSet index;
        put(index, 0x0020, 0x9164, gdcm::VR::UI, uid);
        gdcm::DataElement at(gdcm::Tag(0x0020, 0x9165)), group(gdcm::Tag(0x0020, 0x9167));
        at.SetVR(gdcm::VR::AT);
        at.SetByteValue(reinterpret_cast<const char *>(pointer[0]), 4);
        group.SetVR(gdcm::VR::AT);
        group.SetByteValue(reinterpret_cast<const char *>(pointer[1]), 4);
        index.Replace(at);
        index.Replace(group);
        add(items, index);
    }
    put_sequence(set, 0x0020, 0x9222, items);
}

void put_shared(const struct dicom_seg *seg, gdcm::DataSet &set)
{
    const struct dicom_file &first = seg->sources[0];
    gdcm::DataSet group, measures, orientation;
    const double spacing[2] = { first.spacing[1] > 0 ? first.spacing[1] : 1, first.spacing[0] > 0 ? first.spacing[0] : 1 };
    double directions[6];
    std::memcpy(directions, first.row_direction, sizeof first.row_direction);
    std::memcpy(directions + 3, first.column_direction, sizeof first.column_direction);
    put(measures, 0x0018, 0x0050, gdcm::VR::DS, decimal(seg->slice_spacing));
    put(measures, 0x0018, 0x0088, gdcm::VR::DS, decimal(seg->slice_spacing));
    put(measures, 0x0028, 0x0030, gdcm::VR::DS, decimals(spacing, 2));
    put(orientation, 0x0020, 0x0037, gdcm::VR::DS, decimals(directions, 6));
    put_item(group, 0x0020, 0x9116, orientation);
    put_item(group, 0x0028, 0x9110, measures);
    put_item(set, 0x5200, 0x9229, group);
}

gdcm::DataSet reference(const struct dicom_file &file)
{
    gdcm::DataSet out;
    put(out, 0x0008, 0x1150, gdcm::VR::UI, file.sop_class);
    put(out, 0x0008, 0x1155, gdcm::VR::UI, file.instance);
    return out;
}

void put_frames(const struct dicom_seg *seg, gdcm::DataSet &set)
{
    const sequence items = make_sequence();
    for (uint32_t i = 0; i < seg->frame_count; i++) {
        const struct dicom_seg_frame &frame = seg->frames[i];
        const bool is_shared = seg->source_count == 1;      // one multi-frame file
        gdcm::DataSet group, derivation, source, content, place, number;
        source = reference(seg->sources[is_shared ? 0 : frame.source]);
        if (is_shared)
            put(source, 0x0008, 0x1160, gdcm::VR::IS, std::to_string(frame.source + 1));
        put_item(source, 0x0040, 0xa170, code("121322", "DCM", "Source image for image processing operation"));
        put_item(derivation, 0x0008, 0x2112, source);
        put_item(derivation, 0x0008, 0x9215, code("113076", "DCM", "Segmentation"));
        put_item(group, 0x0008, 0x9124, derivation);
        const uint32_t index[2] = { frame.segment + 1, frame.source + 1 };
        gdcm::DataElement values(gdcm::Tag(0x0020, 0x9157));
        values.SetVR(gdcm::VR::UL);
        values.SetByteValue(reinterpret_cast<const char *>(index), sizeof index);
        content.Replace(values);
        put_item(group, 0x0020, 0x9111, content);
        put(place, 0x0020, 0x0032, gdcm::VR::DS, decimals(frame.position, 3));
        put_item(group, 0x0020, 0x9113, place);
        put_word(number, 0x0062, 0x000b, uint16_t(frame.segment + 1));
        put_item(group, 0x0062, 0x000a, number);
        add(items, group);
    }
    put_sequence(set, 0x5200, 0x9230, items);
}

void put_references(const struct dicom_seg *seg, gdcm::DataSet &set)
{
    const sequence instances = make_sequence();
    for (uint32_t i = 0; i < seg->source_count; i++)
        add(instances, reference(seg->sources[i]));
    gdcm::DataSet series;
    put(series, 0x0020, 0x000e, gdcm::VR::UI, seg->sources[0].series);
    put_sequence(series, 0x0008, 0x114a, instances);
    put_item(set, 0x0008, 0x1115, series);
}

} // namespace

enum dicom_result dicom_seg_build(const struct dicom_seg *seg, char message[256])
{
    gdcm::Writer writer;
    gdcm::DataSet &set = writer.GetFile().GetDataSet();
    if (!copy_patient(seg, set)) {
        std::snprintf(message, 256, "the first source image cannot be read again");
        return DICOM_BROKEN;
    }
    put_general(seg, set);
    put_segments(seg, set);
    put_dimensions(set);
    put_shared(seg, set);
    put_frames(seg, set);
    put_references(seg, set);
    gdcm::DataElement pixels(gdcm::Tag(0x7fe0, 0x0010));
    pixels.SetVR(gdcm::VR::OB);
    pixels.SetByteValue(reinterpret_cast<const char *>(seg->bits), uint32_t(seg->bit_bytes));
    set.Replace(pixels);
    writer.GetFile().GetHeader().SetDataSetTransferSyntax(gdcm::TransferSyntax::ExplicitVRLittleEndian);
    writer.SetCheckFileMetaInformation(true);
    writer.SetFileName(seg->path);
    if (!writer.Write()) {
        std::snprintf(message, 256, "it cannot be written");
        return DICOM_UNSUPPORTED;
    }
    return DICOM_OK;
}
